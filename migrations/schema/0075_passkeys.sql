-- Passkeys: the ceremonies under way, and what an authenticator row of theirs has beside its key.

alter table authn.mfa_secrets add column upgraded boolean not null default false;
comment on column authn.mfa_secrets.upgraded is
    'A passkey that the browser made silently after a password login, and that nobody has used with user verification yet.';

create table authn.webauthn_ceremonies (
    id             uuid primary key default gen_random_uuid(),
    namespace      text not null,
    kind           text not null,
    challenge      bytea not null,
    browser_digest text not null,
    user_id        uuid,
    flow_id        uuid,
    expires_at     timestamptz not null default now() + interval '5 minutes',
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade
);
create index webauthn_ceremonies_expires_at on authn.webauthn_ceremonies (namespace, expires_at);
create index webauthn_ceremonies_user on authn.webauthn_ceremonies (namespace, user_id) where user_id is not null;
comment on table authn.webauthn_ceremonies is
    'Challenges that wait for an authenticator''s answer: found by ceremony, good for five minutes, taken once.';
alter table authn.webauthn_ceremonies enable row level security;
alter table authn.webauthn_ceremonies force row level security;
grant select on authn.webauthn_ceremonies to portal_app;
