-- Users: the people of a namespace, with their password hash.

create table authn.users (
    id uuid not null default gen_random_uuid() primary key,
    namespace text not null default 'default',
    email text,
    email_verified_at timestamptz,
    password_hash text,
    disabled_at timestamptz,
    name text,
    username text,
    locale text,
    zoneinfo text,
    picture text,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- What every table of a person's things refers to, so that nothing of one namespace can hang on a user of another;
    -- also the order of list_users.
    constraint users_namespace_id_key unique (namespace, id),
    constraint users_email_key unique (namespace, email)
);
create unique index users_username_key on authn.users (namespace, username) where username is not null;

comment on table authn.users is 'People, each in one namespace.';
comment on column authn.users.email is
    'The primary address, trimmed and lower-cased. NULL for people who have a phone number only.';
comment on column authn.users.email_verified_at is 'When the address was proven; NULL while it is a mere claim.';
comment on column authn.users.password_hash is
    'A PHC string that the caller made. NULL: logs in by other methods. Only get_credentials returns it.';
comment on column authn.users.disabled_at is 'Since when the person may not log in; NULL while they may.';
comment on column authn.users.zoneinfo is 'The time zone for times on pages, by its IANA name (the claim of that name).';
comment on column authn.users.metadata is 'Free fields that apps and admins keep with the person.';

alter table authn.users enable row level security;
alter table authn.users force row level security;
grant select on authn.users to portal_app;
