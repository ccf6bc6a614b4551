-- Signing keys: what ID tokens are signed with. The private half is sealed; its key is not in the database.

create table authn.signing_keys (
    namespace text not null default 'default',
    kid text not null,
    algorithm text not null,
    public_jwk jsonb not null,
    sealed_private_key text not null,
    created_at timestamptz not null default now(),
    -- Signs until then; published until then and longer, so that tokens signed before stay verifiable.
    retired_at timestamptz,
    primary key (namespace, kid)
);
comment on table authn.signing_keys is 'Keys for ID tokens; published at /oauth2/jwks.';

alter table authn.signing_keys enable row level security;
alter table authn.signing_keys force row level security;
grant select on authn.signing_keys to portal_app;
