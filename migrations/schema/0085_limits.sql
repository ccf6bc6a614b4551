-- Limits: refusals counted by the minute, browsers that an owner let try again, and challenges that were solved.

create table authn.refusals (
    namespace text not null default 'default',
    minute    timestamptz not null,
    kind      text not null,
    prefix    cidr not null,
    times     bigint not null,
    primary key (namespace, minute, kind, prefix)
);
comment on table authn.refusals is
    'How often something was refused, by minute, kind and address prefix. The audit log gets an event for the first, the '
    'tenth, the hundredth … of these: who floods the portal must not flood its log.';

create table authn.login_unlocks (
    namespace      text not null,
    user_id        uuid not null,
    browser_digest text not null,
    expires_at     timestamptz not null,
    primary key (namespace, user_id, browser_digest),
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade
);
create index login_unlocks_expires_at on authn.login_unlocks (namespace, expires_at);
comment on table authn.login_unlocks is
    'Browsers in which the link of an unlock mail was used: until expires_at they have the budget of a browser that the '
    'account knows, whatever strangers do. Never a login by itself.';

create table authn.spent_challenges (
    namespace  text not null default 'default',
    digest     text not null,
    prefix     cidr,
    waited     boolean not null,
    expires_at timestamptz not null,
    spent_at   timestamptz not null default now(),
    primary key (namespace, digest)
);
create index spent_challenges_expires_at on authn.spent_challenges (namespace, expires_at);
create index spent_challenges_waited on authn.spent_challenges (namespace, prefix, spent_at) where waited;
comment on table authn.spent_challenges is
    'Challenges of the bot check that were answered: each counts once. Kept until the challenge has expired by itself.';
comment on column authn.spent_challenges.waited is 'Answered by waiting, not by work: then the address prefix waits in line.';

comment on column authn.login_attempts.known_browser is
    'Whether the browser had logged in to the account before, or its owner unlocked it: such attempts have a budget of '
    'their own.';
comment on column authn.verifications.purpose is
    'What it was asked for: signup, login, recovery, unlock. The same for known and unknown addresses, so that pages may show it.';

-- Gains a column in what it returns.
drop function if exists authn.begin_password_login(text, text, jsonb, text);
