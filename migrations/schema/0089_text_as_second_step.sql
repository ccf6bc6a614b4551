-- A text message as the second step of a login.

alter table authn.sms_sent add column behind_a_factor boolean not null default false;
comment on column authn.sms_sent.behind_a_factor is
    'Sent after a first factor was proven, to the number of the account. Counted apart: strangers must not use up what '
    'owners need.';

-- Gains a parameter.
drop function if exists authn._sms_cap_reached(text, jsonb, text);
