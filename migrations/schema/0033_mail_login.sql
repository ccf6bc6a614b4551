-- Login and recovery by a mailed code or link, on the rows that sign-up uses.

-- What a link does is free text: the code that owns a kind lists it, and a new one needs no migration.
alter table authn.verifications drop constraint verifications_outcome_check;
alter table authn.verifications add column purpose text not null default 'signup';
alter table authn.verifications add column approved_at timestamptz;
comment on column authn.verifications.outcome is
    'What its link does: signup, already_registered, login, login_not_possible, recovery. The mail knows, a page must not.';
comment on column authn.verifications.purpose is
    'What it was asked for: signup, login, recovery. The same for known and unknown addresses, so that pages may show it.';
comment on column authn.verifications.approved_at is
    'When its link, opened elsewhere, let the browser that asked go on. NULL again once that browser did.';

alter table authn.login_flows add column recovered_at timestamptz;
comment on column authn.login_flows.recovered_at is
    'When the mailbox was proven by a recovery mail: for a short time the flow may set a new password, once.';

-- Both gain columns in what they return.
drop function if exists authn.find_link(text, text, text);
drop function if exists authn.get_login_flow(uuid, text, text);
