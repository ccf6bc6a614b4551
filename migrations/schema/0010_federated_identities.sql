-- Federated identities: accounts at other providers with which a person logs in here.

create table authn.federated_identities (
    id uuid not null default gen_random_uuid() primary key,
    namespace text not null default 'default',
    user_id uuid not null,
    provider text not null,
    issuer text not null,
    subject text not null,
    email text,
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade,
    -- The issuer, not the name that an admin gave the provider: a name may be pointed at another issuer, whose subjects
    -- are other people (OpenID Connect Core 1.0, 5.7).
    constraint federated_identities_key unique (namespace, issuer, subject)
);
create index federated_identities_user on authn.federated_identities (namespace, user_id);

comment on table authn.federated_identities is
    'Accounts at upstream providers. Who such an account is says issuer and subject together, never its address.';
comment on column authn.federated_identities.provider is 'The provider by the name it is set up under, such as google.';
comment on column authn.federated_identities.issuer is 'The issuer of its ID tokens, or the site''s own address.';
comment on column authn.federated_identities.subject is 'The account''s unchanging id there (the claim sub).';
comment on column authn.federated_identities.email is 'The address that the provider last told, for people to recognise it by.';

alter table authn.federated_identities enable row level security;
alter table authn.federated_identities force row level security;
grant select on authn.federated_identities to portal_app;
