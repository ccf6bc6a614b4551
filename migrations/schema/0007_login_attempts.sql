-- Login attempts: what lockout and throttling count.

-- Here and not with the functions, because a column of the table is computed with it.
create function authn._address_prefix(p_ip_address inet) returns cidr
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
return case
    when p_ip_address is null then null
    when family(p_ip_address) = 4 then network(set_masklen(p_ip_address, 32))
    -- An IPv4 address written as IPv6 is still that address: all of them share one /64 otherwise.
    when p_ip_address << inet '::ffff:0:0/96'
        then network(set_masklen(inet '0.0.0.0' + (p_ip_address - inet '::ffff:0:0'), 32))
    else network(set_masklen(p_ip_address, 64))
end;
comment on function authn._address_prefix(inet) is
    'The prefix that budgets count by: one IPv4 address, or the IPv6 /64 that one line is commonly given.';
revoke all on function authn._address_prefix(inet) from public;
grant execute on function authn._address_prefix(inet) to portal_app, portal_system;

create table authn.login_attempts (
    id bigint generated always as identity primary key,
    namespace text not null default 'default',
    email text not null,
    success boolean not null,
    ip_address inet,
    attempted_at timestamptz not null default now(),
    prefix cidr generated always as (authn._address_prefix(ip_address)) stored,
    browser_digest text
);
create index login_attempts_email on authn.login_attempts (namespace, email, attempted_at desc, id desc);
-- A victim with 200,000 attempts must cost what anyone costs: both counts stop at their limit inside these.
create index login_attempts_failed_email on authn.login_attempts (namespace, email, attempted_at desc) where not success;
create index login_attempts_failed_prefix on authn.login_attempts (namespace, prefix, attempted_at desc)
    where not success;
create index login_attempts_age on authn.login_attempts (namespace, attempted_at);

comment on table authn.login_attempts is 'Every try to log in, kept 30 days. Also for addresses nobody has: no foreign key.';
comment on column authn.login_attempts.email is 'The identifier as typed and normalised, whether or not anyone has it.';
comment on column authn.login_attempts.prefix is 'What address budgets count by: IPv4 /32, IPv6 /64.';
comment on column authn.login_attempts.browser_digest is
    'SHA-256 of the browser cookie: a browser that logged in before has its own budget, out of a stranger''s reach.';

alter table authn.login_attempts enable row level security;
alter table authn.login_attempts force row level security;
grant select on authn.login_attempts to portal_app;
