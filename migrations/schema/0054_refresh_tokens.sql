-- Refresh tokens: each is used once and leaves a successor; all that came from one login of an app are a family.

create table authn.refresh_token_families (
    namespace text not null default 'default',
    id uuid not null default gen_random_uuid() primary key,
    client_id text not null,
    user_id uuid not null,
    -- The login it came from; no foreign key, a deleted session is an ended one.
    session_id uuid not null,
    authorization_code_id uuid references authn.authorization_codes (id) on delete set null,
    scopes text[] not null,
    auth_time timestamptz not null,
    amr text[] not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    absolute_expires_at timestamptz not null,
    ended_at timestamptz,
    ended_reason text,
    told_at timestamptz,
    foreign key (namespace, client_id) references authn.clients (namespace, client_id) on delete cascade,
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade,
    constraint refresh_token_families_end_has_reason check ((ended_at is null) = (ended_reason is null))
);
comment on table authn.refresh_token_families is
    'What an app may keep renewing: everything that refreshing gave for one code. Ended as a whole.';
comment on column authn.refresh_token_families.scopes is
    'What the person allowed. With offline_access it outlives its session, without it ends with it.';
comment on column authn.refresh_token_families.auth_time is
    'When the person proved who they are: what refreshed ID tokens say, however late (OpenID Connect Core 1.0, 12.2).';
comment on column authn.refresh_token_families.expires_at is
    'The end in force. Each refresh moves it on, never past absolute_expires_at.';
comment on column authn.refresh_token_families.told_at is
    'When the mail about a reuse went into the outbox; NULL while it is due.';
create index refresh_token_families_code on authn.refresh_token_families (authorization_code_id);
create index refresh_token_families_user on authn.refresh_token_families (namespace, user_id);
create index refresh_token_families_client on authn.refresh_token_families (namespace, client_id);
-- One index finds both kinds of dead family for the purge.
create index refresh_token_families_over on authn.refresh_token_families (namespace, least(expires_at, ended_at));

create table authn.refresh_tokens (
    namespace text not null default 'default',
    family_id uuid not null references authn.refresh_token_families (id) on delete cascade,
    -- How many came before it: the direct parent of the one in use is one less.
    generation integer not null,
    token_hash text not null,
    created_at timestamptz not null default now(),
    used_at timestamptz,
    primary key (family_id, generation)
);
comment on table authn.refresh_tokens is
    'Refresh tokens by their digest, kept after use: one that comes again, later than a retry would, ends its family.';
create unique index refresh_tokens_hash on authn.refresh_tokens (namespace, token_hash);
-- Two live branches of one family cannot be stored, whatever a function does.
create unique index refresh_tokens_one_live on authn.refresh_tokens (family_id) where used_at is null;
create index refresh_tokens_used on authn.refresh_tokens (namespace, used_at) where used_at is not null;

alter table authn.access_tokens
    add column refresh_family_id uuid references authn.refresh_token_families (id) on delete cascade;
comment on column authn.access_tokens.refresh_family_id is 'The family that renews it, and ends it; NULL where none does.';
create index access_tokens_family on authn.access_tokens (refresh_family_id) where refresh_family_id is not null;

-- Gives way to issue_tokens, which stores the refresh token in the same call.
drop function if exists authn.issue_access_token(uuid, text, interval, jsonb, text);

alter table authn.refresh_token_families enable row level security;
alter table authn.refresh_token_families force row level security;
grant select on authn.refresh_token_families to portal_app;

alter table authn.refresh_tokens enable row level security;
alter table authn.refresh_tokens force row level security;
grant select on authn.refresh_tokens to portal_app;
