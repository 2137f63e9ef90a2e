"""The machinery: Celery app, publish-after-commit, inbox, outbox relay, senders, beat table."""
