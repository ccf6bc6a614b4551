-- A passkey that the browser made silently can be taken back from the mail that tells its owner.

alter table authn.mfa_secrets
    add column undo_digest text,
    add column undo_until timestamptz;
create unique index mfa_secrets_undo_digest on authn.mfa_secrets (namespace, undo_digest) where undo_digest is not null;
comment on column authn.mfa_secrets.undo_digest is
    'SHA-256 of the link in the mail about a passkey that the browser made silently; it goes with the row.';
comment on column authn.mfa_secrets.undo_until is 'Until when that link works.';
