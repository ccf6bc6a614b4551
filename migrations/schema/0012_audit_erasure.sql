-- The audit log after delete_user erases, and what may be found in its columns.

comment on table authn.audit_events is
    'What happened, who did it and from where. The application may read and add, through functions; no row changes but '
    'those of a deleted person, which lose their personal values.';
comment on column authn.audit_events.id is 'The order in which rows were written.';
comment on column authn.audit_events.event_type is 'Such as user_created, session_revoked, lockout_triggered.';
comment on column authn.audit_events.request_id is 'The request that did it, as it stands in the logs.';
comment on column authn.audit_events.reason is 'Why, in the words of whoever acted.';
comment on column authn.audit_events.resource_type is 'What was changed: user, session, token, mfa, api_key, email …';
comment on column authn.audit_events.resource_id is
    'Which one. For login attempts and sign-ups the address, NULL once its owner was deleted.';
comment on column authn.audit_events.old_values is 'What was there before. Never a secret, hashed or not.';
comment on column authn.audit_events.new_values is 'What is there now. Never a secret, hashed or not.';
