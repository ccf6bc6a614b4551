-- Which terms a person accepted, and who was invited to sign up. The policy itself is a part of authn.namespaces.settings.

create table authn.terms_acceptances (
    namespace   text not null default 'default',
    user_id     uuid not null,
    version     text not null,
    accepted_at timestamptz not null default now(),
    primary key (namespace, user_id, version),
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade
);
comment on table authn.terms_acceptances is 'Which version of the terms a person accepted, and when: one row each, never changed.';

create table authn.invites (
    id          uuid not null default gen_random_uuid() primary key,
    namespace   text not null default 'default',
    email       text not null,
    code_digest text not null,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null,
    used_at     timestamptz,
    unique (namespace, code_digest)
);
create index invites_email on authn.invites (namespace, email) where used_at is null;
create index invites_expires_at on authn.invites (namespace, expires_at);
comment on table authn.invites is
    'Who may sign up where that takes an invitation. The code in the mailed link only leads there: the address is proven as '
    'in any sign-up.';
comment on column authn.invites.code_digest is 'SHA-256 of the code in the link.';

-- Accepted in this flow; written down for the person when the flow ends with an account or a session.
alter table authn.login_flows add column terms_version text;
comment on column authn.login_flows.terms_version is 'The version of the terms that was accepted in this flow.';
