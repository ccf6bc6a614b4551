-- From where a challenge was asked for, so that no network can fill the table.

alter table authn.webauthn_ceremonies add column prefix cidr;
comment on column authn.webauthn_ceremonies.prefix is
    'The network that asked (authn._address_prefix); NULL where the caller named no address.';
create index webauthn_ceremonies_prefix on authn.webauthn_ceremonies (namespace, prefix, expires_at);
