-- Back-channel log-out: which apps are to be told that a login has ended, and what they answered.

create table authn.backchannel_logouts (
    namespace text not null default 'default',
    id bigint generated always as identity primary key,
    client_id text not null,
    -- No foreign keys: an app is told of a person who was deleted, too.
    user_id uuid not null,
    session_id uuid not null,
    created_at timestamptz not null default now(),
    available_at timestamptz not null default now(),
    attempts integer not null default 0,
    locked_until timestamptz,
    delivered_at timestamptz,
    failed_at timestamptz,
    last_status integer,
    last_error text,
    foreign key (namespace, client_id) references authn.clients (namespace, client_id) on delete cascade
);
comment on table authn.backchannel_logouts is
    'Logins that ended, one row per app that took part and wants to be told; the result stays for an admin to see.';
comment on column authn.backchannel_logouts.available_at is 'Not to be tried before this time; moved on by each failure.';
comment on column authn.backchannel_logouts.locked_until is 'A worker has it until then; afterwards another may take it.';
comment on column authn.backchannel_logouts.last_status is 'The HTTP status of the last answer; NULL where there was none.';
comment on column authn.backchannel_logouts.last_error is 'Why the last try failed, in our words; never text of the app''s.';
create index backchannel_logouts_due on authn.backchannel_logouts (available_at, id)
    where delivered_at is null and failed_at is null;
create index backchannel_logouts_client on authn.backchannel_logouts (namespace, client_id, id);
create index backchannel_logouts_created on authn.backchannel_logouts (namespace, created_at);

-- Which apps took part in a login is asked when it ends, of people with thousands of codes, too.
create index authorization_codes_session on authn.authorization_codes (namespace, session_id);

alter table authn.backchannel_logouts enable row level security;
alter table authn.backchannel_logouts force row level security;
grant select on authn.backchannel_logouts to portal_app;
