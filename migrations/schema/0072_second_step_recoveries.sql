-- A second step that somebody lost everything for: asked for, announced for three days, then taken off.

create table authn.second_step_recoveries (
    id             uuid primary key default gen_random_uuid(),
    namespace      text not null,
    user_id        uuid not null,
    finish_digest  text not null,
    stop_digest    text not null,
    reminders      text[] not null default '{}',
    requested_at   timestamptz not null default now(),
    opens_at       timestamptz not null,
    expires_at     timestamptz not null,
    ip_address     inet,
    user_agent     text,
    reminded_at    timestamptz,
    stopped_at     timestamptz,
    finished_at    timestamptz,
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade
);
create unique index second_step_recoveries_finish on authn.second_step_recoveries (namespace, finish_digest);
create unique index second_step_recoveries_stop on authn.second_step_recoveries (namespace, stop_digest);
create index second_step_recoveries_user on authn.second_step_recoveries (namespace, user_id, requested_at desc);
create index second_step_recoveries_expires_at on authn.second_step_recoveries (namespace, expires_at);
comment on table authn.second_step_recoveries is
    'Wishes to take the second step off an account whose owner lost everything. Who asked knew the first factor; a mailed '
    'link and three days in which any proven mailbox can stop it are the rest.';
comment on column authn.second_step_recoveries.reminders is
    'Sealed mails that go out a day before it opens; emptied then.';
alter table authn.second_step_recoveries enable row level security;
alter table authn.second_step_recoveries force row level security;
grant select on authn.second_step_recoveries to portal_app;
