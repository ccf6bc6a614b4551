-- Text messages: codes to phone numbers share the rows of mailed proofs; what was sent is counted, for it costs money.

comment on column authn.verifications.email is 'Where the proof went: an address, or for the purpose sms a phone number.';
comment on column authn.login_flows.email is 'The address, or the phone number, that was typed.';

create table authn.sms_sent (
    id           bigint generated always as identity primary key,
    namespace    text not null default 'default',
    phone        text not null,
    calling_code text not null,
    sent_at      timestamptz not null default now()
);
create index sms_sent_phone on authn.sms_sent (namespace, phone, sent_at);
create index sms_sent_country on authn.sms_sent (namespace, calling_code, sent_at);
create index sms_sent_sent_at on authn.sms_sent (namespace, sent_at);
comment on table authn.sms_sent is
    'One row a text message, for the caps of a number, a country and a namespace: attackers who share in the price of a '
    'message make a page send thousands.';

-- Gains a parameter: which kinds a worker can send.
drop function if exists authn.take_outbox(integer, interval);
