-- Clients that prove themselves by a key of their own, who publishes an app, and what single claims an app asks for.

alter table authn.clients
    add column publisher text,
    -- The public keys of private_key_jwt, as a JWK set: by value, so that nothing is fetched while a request waits.
    add column jwks jsonb,
    add column userinfo_signed_response_alg text,
    drop constraint clients_token_endpoint_auth_method_check,
    drop constraint clients_secret_fits_method,
    drop constraint clients_public_uses_pkce,
    add constraint clients_token_endpoint_auth_method_check check (
        token_endpoint_auth_method in ('none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt')
    ),
    -- A client has what its method needs and nothing else: a second way in would be one that nobody watches.
    add constraint clients_credentials_fit_method check (
        (secret_hash is not null) = (token_endpoint_auth_method in ('client_secret_basic', 'client_secret_post'))
        and (jwks is not null) = (token_endpoint_auth_method = 'private_key_jwt')
    ),
    -- Without a proof of its own PKCE is all that binds a code to the app that asked for it (RFC 9700 section 2.1.1).
    add constraint clients_public_uses_pkce check (token_endpoint_auth_method <> 'none' or require_pkce);
comment on column authn.clients.publisher is 'Who publishes the app, as the consent page says it.';
comment on column authn.clients.jwks is 'Public keys by which the app signs its assertions (RFC 7523), for private_key_jwt.';
comment on column authn.clients.userinfo_signed_response_alg is
    'With which algorithm userinfo is signed for the app; NULL for plain JSON.';

-- Which single claims were asked for (OpenID Connect Core 1.0 section 5.5), of those that the app may have.
alter table authn.authorization_codes
    add column requested_claims jsonb not null default '{}';
comment on column authn.authorization_codes.requested_claims is
    'Claims asked for by name: id_token and userinfo, each a list. Kept here for every token that comes from the code.';

create table authn.client_assertions (
    namespace text not null default 'default',
    client_id text not null,
    jti_hash text not null,
    expires_at timestamptz not null,
    primary key (namespace, client_id, jti_hash),
    foreign key (namespace, client_id) references authn.clients (namespace, client_id) on delete cascade
);
comment on table authn.client_assertions is
    'Assertions that clients have used, until they expire: each proves one request (RFC 7523 section 3).';
create index client_assertions_expiry on authn.client_assertions (namespace, expires_at);

alter table authn.client_assertions enable row level security;
alter table authn.client_assertions force row level security;
grant select on authn.client_assertions to portal_app;

-- These take or return one thing more.
drop function if exists authn.issue_authorization_code(
    text, text, uuid, uuid, text, text[], text, text, timestamptz, text[], interval, jsonb, text
);
drop function if exists authn.take_authorization_code(text, text, jsonb, text);
drop function if exists authn.find_access_token(text, text);
drop function if exists authn.rotate_refresh_token(
    text, text[], text, text[], text, interval, interval, interval, jsonb, text
);
