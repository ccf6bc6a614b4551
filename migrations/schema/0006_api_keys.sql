-- API keys: long-lived secrets with which programs act for a person.

create table authn.api_keys (
    id uuid not null default gen_random_uuid() primary key,
    namespace text not null default 'default',
    user_id uuid not null,
    key_hash text not null,
    name text,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade,
    constraint api_keys_key_hash_key unique (key_hash, namespace)
);
create index api_keys_user on authn.api_keys (namespace, user_id);
create index api_keys_ended on authn.api_keys (namespace, least(expires_at, revoked_at));

comment on table authn.api_keys is 'Keys that programs present. Shown once when made; only digests are stored.';
comment on column authn.api_keys.expires_at is 'NULL: never.';
comment on column authn.api_keys.last_used_at is 'Exact to the minute: written at most once in that time.';

alter table authn.api_keys enable row level security;
alter table authn.api_keys force row level security;
grant select on authn.api_keys to portal_app;
