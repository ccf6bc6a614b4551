-- From where logins and authorization requests were begun, so that no network can fill the tables. Anybody may begin one.

alter table authn.login_flows add column prefix cidr;
comment on column authn.login_flows.prefix is
    'The network that began it (authn._address_prefix); NULL where a budget of its own had been asked before.';
create index login_flows_prefix on authn.login_flows (namespace, prefix, created_at) where prefix is not null;

alter table authn.authorization_requests add column prefix cidr;
comment on column authn.authorization_requests.prefix is 'The network that it came from (authn._address_prefix).';
create index authorization_requests_prefix on authn.authorization_requests (namespace, prefix, created_at);

-- Gains an argument.
drop function if exists authn.store_authorization_request(text, text, jsonb, interval, text);
