-- Access tokens: opaque, so that one that is revoked is dead at once.

create table authn.access_tokens (
    namespace text not null default 'default',
    id uuid not null default gen_random_uuid() primary key,
    token_hash text not null,
    client_id text not null,
    user_id uuid not null,
    -- The login it came from. The token dies with it; no foreign key, a deleted session is an ended one.
    session_id uuid not null,
    authorization_code_id uuid references authn.authorization_codes (id) on delete set null,
    scopes text[] not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    foreign key (namespace, client_id) references authn.clients (namespace, client_id) on delete cascade,
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade
);
comment on table authn.access_tokens is 'Access tokens by their digest.';
create unique index access_tokens_hash on authn.access_tokens (namespace, token_hash);
create index access_tokens_code on authn.access_tokens (authorization_code_id);
create index access_tokens_user on authn.access_tokens (namespace, user_id);
create index access_tokens_client on authn.access_tokens (namespace, client_id);
create index access_tokens_expiry on authn.access_tokens (namespace, expires_at);

alter table authn.access_tokens enable row level security;
alter table authn.access_tokens force row level security;
grant select on authn.access_tokens to portal_app;
