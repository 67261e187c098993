"""``memguard serve``: a guard as an HTTP service, for programs in any language.

:func:`memguard.service.app.create_app` makes the ASGI application.
"""
