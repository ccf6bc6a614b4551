-- Invitations can be withdrawn (functions/081): what used_at says is wider than its name.

comment on column authn.invites.used_at is
    'When it stopped working before its time: used for an account, replaced by a newer one, or withdrawn; the audit log says '
    'which.';
