-- One-time tokens: long random secrets in mailed links, each good for one thing, once.

create table authn.tokens (
    id uuid not null default gen_random_uuid() primary key,
    namespace text not null default 'default',
    user_id uuid not null,
    token_hash text not null,
    token_type text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz,
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade,
    constraint tokens_token_hash_key unique (token_hash, namespace)
);
create index tokens_user on authn.tokens (namespace, user_id);
create index tokens_ended on authn.tokens (namespace, least(expires_at, used_at));

comment on table authn.tokens is 'Single-use links: password_reset, email_verify, magic_link. Only digests are stored.';
comment on column authn.tokens.used_at is 'Set by the one call that consumed it, or when it was invalidated.';

alter table authn.tokens enable row level security;
alter table authn.tokens force row level security;
grant select on authn.tokens to portal_app;
