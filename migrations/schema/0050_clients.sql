-- Clients: the apps that log people in through the portal, and what people allowed them.

create table authn.clients (
    namespace text not null default 'default',
    client_id text not null,
    name text not null,
    -- SHA-256 of 256 random bits; null for a public client, which can keep no secret.
    secret_hash text,
    token_endpoint_auth_method text not null
        check (token_endpoint_auth_method in ('none', 'client_secret_basic', 'client_secret_post')),
    application_type text not null check (application_type in ('web', 'native')),
    redirect_uris text[] not null,
    post_logout_redirect_uris text[] not null default '{}',
    backchannel_logout_uri text,
    initiate_login_uri text,
    logo_uri text,
    grant_types text[] not null,
    scopes text[] not null,
    -- An app of the same house: its people need not be asked whether it may know who they are.
    first_party boolean not null default false,
    require_pkce boolean not null default true,
    popup boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (namespace, client_id),
    -- A client that proves itself has a secret, one that does not has none; nothing in between can be stored.
    constraint clients_secret_fits_method check ((token_endpoint_auth_method = 'none') = (secret_hash is null)),
    -- Without a secret PKCE is all that binds a code to the app that asked for it (RFC 9700 section 2.1.1).
    constraint clients_public_uses_pkce check (secret_hash is not null or require_pkce)
);
comment on table authn.clients is 'Apps that log people in through the portal (OpenID Connect clients).';

create table authn.grants (
    namespace text not null default 'default',
    user_id uuid not null,
    client_id text not null,
    scopes text[] not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (namespace, user_id, client_id),
    foreign key (namespace, client_id) references authn.clients (namespace, client_id) on delete cascade,
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade
);
comment on table authn.grants is 'What a person allowed an app to know; asked again only for what is new.';
create index grants_client on authn.grants (namespace, client_id);

alter table authn.clients enable row level security;
alter table authn.clients force row level security;
grant select on authn.clients to portal_app;

alter table authn.grants enable row level security;
alter table authn.grants force row level security;
grant select on authn.grants to portal_app;
