-- A login is one row. So is a proof by mail (a code and a link that share it), and a browser an account knows.

create table authn.login_flows (
    id                uuid primary key default gen_random_uuid(),
    namespace         text not null,
    browser_digest    text not null,
    purpose           text not null check (purpose in ('login', 'signup')),
    reauthenticate    boolean not null default false,
    return_to         text,
    client_id         text,
    app_name          text,
    email             text,
    user_id           uuid,
    factors           jsonb not null default '[]',
    remembered        boolean not null default false,
    new_name          text,
    new_password_hash text,
    proven_elsewhere  boolean not null default false,
    created_at        timestamptz not null default now(),
    expires_at        timestamptz not null,
    finished_at       timestamptz,
    session_id        uuid,
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade
);
create index login_flows_expires_at on authn.login_flows (namespace, expires_at);
create index login_flows_user on authn.login_flows (namespace, user_id) where user_id is not null;
comment on table authn.login_flows is
    'One attempt to log in or sign up: which browser, for which app, how far. Everything that a redirect must not carry.';

create table authn.verifications (
    id              uuid primary key,
    namespace       text not null,
    flow_id         uuid not null references authn.login_flows (id) on delete cascade,
    email           text not null,
    outcome         text not null check (outcome in ('signup', 'already_registered')),
    code_digest     text not null,
    link_digest     text not null,
    attempts        integer not null default 0,
    ip_address      inet,
    prefix          cidr generated always as (authn._address_prefix(ip_address)) stored,
    user_agent      text,
    created_at      timestamptz not null default now(),
    code_expires_at timestamptz not null,
    expires_at      timestamptz not null,
    used_at         timestamptz,
    unique (namespace, link_digest)
);
create index verifications_flow_id on authn.verifications (flow_id, created_at desc);
create index verifications_email on authn.verifications (namespace, email, created_at desc);
create index verifications_prefix on authn.verifications (namespace, prefix, created_at desc);
create index verifications_expires_at on authn.verifications (namespace, expires_at);
comment on table authn.verifications is
    'A proof by mail: the code and the link of one mail share a row, and using one ends both. For an address that is '
    'already registered the row looks the same, but its code can never match.';

create table authn.known_browsers (
    namespace      text not null,
    user_id        uuid not null,
    browser_digest text not null,
    first_seen_at  timestamptz not null default now(),
    last_seen_at   timestamptz not null default now(),
    primary key (namespace, user_id, browser_digest),
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade
);
create index known_browsers_last_seen on authn.known_browsers (namespace, last_seen_at);
comment on table authn.known_browsers is
    'Browsers that have logged in to an account. Such a browser has a budget of its own, so that a stranger''s guesses '
    'cannot lock the owner out; it is never a login by itself.';

-- Whether the browser had logged in to the account before: such attempts have a budget of their own.
alter table authn.login_attempts add column known_browser boolean not null default false;
