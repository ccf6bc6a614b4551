-- Sessions: browsers and programs that are logged in, found by the SHA-256 of their token.

create table authn.sessions (
    id uuid not null default gen_random_uuid() primary key,
    namespace text not null default 'default',
    user_id uuid not null,
    token_hash text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    ip_address inet,
    user_agent text,
    auth_time timestamptz not null default now(),
    amr text[] not null default '{}',
    last_active_at timestamptz not null default now(),
    idle_timeout interval,
    absolute_expires_at timestamptz,
    remembered boolean not null default false,
    browser_digest text,
    device_type text,
    os_name text,
    os_version text,
    app_name text,
    app_version text,
    client_id text,
    country text,
    region text,
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade,
    -- The token first: it tells rows apart at once, and inner index pages then need not carry the namespace.
    constraint sessions_token_hash_key unique (token_hash, namespace)
);
create index sessions_user on authn.sessions (namespace, user_id);
-- One index finds both kinds of dead session for the purge.
create index sessions_ended on authn.sessions (namespace, least(expires_at, revoked_at));

comment on table authn.sessions is 'Logged-in browsers and programs. The token itself is never here.';
comment on column authn.sessions.expires_at is
    'The end in force. Activity moves it on where idle_timeout is set, never past absolute_expires_at.';
comment on column authn.sessions.auth_time is 'When the person last proved who they are (OpenID Connect Core 1.0, 2).';
comment on column authn.sessions.amr is 'Methods used for that proof (RFC 8176).';
comment on column authn.sessions.last_active_at is 'Exact to the minute: written at most once in that time.';
comment on column authn.sessions.idle_timeout is 'How long the session lives without activity. NULL: expires_at stands.';
comment on column authn.sessions.absolute_expires_at is 'No activity moves the end past this. NULL: no such limit.';
comment on column authn.sessions.remembered is '"Stay logged in" was chosen: the cookie outlives the browser.';
comment on column authn.sessions.browser_digest is 'SHA-256 of the browser cookie that the session was started with.';
comment on column authn.sessions.client_id is 'The app that the login was for, where there was one.';

alter table authn.sessions enable row level security;
alter table authn.sessions force row level security;
grant select on authn.sessions to portal_app;
