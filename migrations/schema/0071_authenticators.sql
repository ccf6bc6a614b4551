-- What codes of an authenticator app need, and the tries at a second step.

alter table authn.mfa_secrets add column last_step bigint;
comment on column authn.mfa_secrets.last_step is
    'The time step of the last code that an authenticator app gave; that step and earlier ones work no more (RFC 6238, 5.2).';

create table authn.second_step_attempts (
    id             bigint generated always as identity primary key,
    namespace      text not null,
    user_id        uuid not null,
    flow_id        uuid not null,
    known_browser  boolean not null,
    browser_digest text not null,
    attempted_at   timestamptz not null default now(),
    success        boolean not null default false,
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade
);
create index second_step_attempts_user on authn.second_step_attempts (namespace, user_id, attempted_at desc);
create index second_step_attempts_age on authn.second_step_attempts (namespace, attempted_at);
comment on table authn.second_step_attempts is
    'Tries at the second step of a login, counted before the code is looked at. Whoever makes them knew the first factor.';
alter table authn.second_step_attempts enable row level security;
alter table authn.second_step_attempts force row level security;
grant select on authn.second_step_attempts to portal_app;
