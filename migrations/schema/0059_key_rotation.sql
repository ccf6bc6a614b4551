-- Rotation of signing keys: a key is published before it signs and after it signed.

alter table authn.signing_keys add column signs_from timestamptz not null default now();
comment on column authn.signing_keys.signs_from is
    'Published at once, signs from then on: apps keep the list of keys for as long as its headers say.';
comment on column authn.signing_keys.retired_at is
    'Signs until then, which lies ahead while its successor is only published; NULL while it has none.';

-- Gives way to one that says which key signs now.
drop function if exists authn.list_signing_keys(text);

-- How an app wants its tokens signed, and by which name it knows people.
alter table authn.clients
    add column id_token_signed_response_alg text not null default 'RS256'
        check (id_token_signed_response_alg in ('RS256', 'ES256', 'EdDSA')),
    -- A key and not a flag: what pairwise names are made with. The same for all apps of one sector.
    add column pairwise_key text;
comment on column authn.clients.pairwise_key is
    'With it the app knows each person by a name of its own (OpenID Connect Core 1.0 section 8.1); NULL: by the user id.';

create table authn.pairwise_salts (
    namespace text not null default 'default' primary key,
    salt text not null,
    created_at timestamptz not null default now()
);
comment on table authn.pairwise_salts is
    'One random text per namespace, made once and for ever: with another one every app would meet strangers.';
alter table authn.pairwise_salts enable row level security;
alter table authn.pairwise_salts force row level security;
grant select on authn.pairwise_salts to portal_app;
