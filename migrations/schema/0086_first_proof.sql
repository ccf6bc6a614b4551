-- When somebody began to prove who they are: a login that asks for two factors is as old as the first of them.

alter table authn.login_flows add column proven_at timestamptz;
comment on column authn.login_flows.proven_at is
    'When the first factor of the login was proven. The auth_time of its session.';
