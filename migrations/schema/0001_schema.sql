-- The schema that holds everything, and what the three roles may do in it.

create schema if not exists authn;
comment on schema authn is 'The login portal: its tables, and one SQL function for each rule about them.';

revoke all on schema authn from public;
grant usage on schema authn to portal_app, portal_system;

-- PostgreSQL lets everyone execute a new function. Turned off at the root, and revoked again function by function,
-- because a default privilege is bound to the role that set it and is lost when another role re-applies a file.
alter default privileges revoke execute on functions from public;
