"""Mail: composed and sealed in a request, kept in the outbox, sent by the worker."""
