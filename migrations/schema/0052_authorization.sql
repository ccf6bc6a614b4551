-- Authorization requests that wait for a person, and the codes that answer them.

create table authn.authorization_requests (
    namespace text not null default 'default',
    id uuid not null default gen_random_uuid() primary key,
    client_id text not null,
    -- The digest of the browser cookie: another browser that opens the address sees none of the parameters. Null for a
    -- request that came by POST, which brings no cookie: the first browser that opens it has it.
    browser_digest text,
    parameters jsonb not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    foreign key (namespace, client_id) references authn.clients (namespace, client_id) on delete cascade
);
comment on table authn.authorization_requests is
    'Requests of apps that wait while a person logs in or decides; each belongs to one browser.';
create index authorization_requests_client on authn.authorization_requests (namespace, client_id);
create index authorization_requests_expiry on authn.authorization_requests (namespace, expires_at);

create table authn.authorization_codes (
    namespace text not null default 'default',
    id uuid not null default gen_random_uuid() primary key,
    code_hash text not null,
    client_id text not null,
    user_id uuid not null,
    -- No foreign key: a session that is gone must leave the row, or a replayed code would look like an unknown one.
    session_id uuid not null,
    redirect_uri text not null,
    scopes text[] not null,
    nonce text,
    code_challenge text,
    auth_time timestamptz not null,
    amr text[] not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz,
    replayed_at timestamptz,
    foreign key (namespace, client_id) references authn.clients (namespace, client_id) on delete cascade,
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade
);
comment on table authn.authorization_codes is
    'Codes, kept after use: a second use is noticed and ends what the first one gave.';
create unique index authorization_codes_hash on authn.authorization_codes (namespace, code_hash);
create index authorization_codes_user on authn.authorization_codes (namespace, user_id);
create index authorization_codes_client on authn.authorization_codes (namespace, client_id);
create index authorization_codes_expiry on authn.authorization_codes (namespace, expires_at);

alter table authn.authorization_requests enable row level security;
alter table authn.authorization_requests force row level security;
grant select on authn.authorization_requests to portal_app;

alter table authn.authorization_codes enable row level security;
alter table authn.authorization_codes force row level security;
grant select on authn.authorization_codes to portal_app;
