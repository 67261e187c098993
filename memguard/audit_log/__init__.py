"""The audit log: append-only lines of JSON that prove what was checked, by what, with which answer.

One idea a module: the fields of a line (:mod:`.entry`), the chain of seals (:mod:`.chain`), where a
log ends (:mod:`.head`), its files (:mod:`.log_files`), appending (:mod:`.writer`), verifying
(:mod:`.verify`), and summing up (:mod:`.summary`).
"""
