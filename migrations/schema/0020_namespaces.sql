-- Namespaces (tenants): their settings, and the hosts that lead to them.
-- The default namespace needs no row: its host is PORTAL_URL's, and a missing row means default settings.

create table authn.namespaces (
    namespace    text primary key,
    settings     jsonb not null default '{}',
    suspended_at timestamptz,
    created_at   timestamptz not null default now()
);
comment on table authn.namespaces is 'One row per tenant with settings of its own: look, links, policy.';

create table authn.namespace_hosts (
    host       text primary key check (host = lower(host) and host <> ''),
    namespace  text not null references authn.namespaces (namespace) on delete cascade,
    created_at timestamptz not null default now()
);
create index namespace_hosts_namespace on authn.namespace_hosts (namespace);
comment on table authn.namespace_hosts is 'The hosts (with a port where it is not the default one) by which a tenant is reached.';
