-- The outbox: mails and text messages that wait to be sent. A row is written in the transaction of the fact it tells,
-- so that a message is never lost, never sent for something undone, and never delays the person who waits for a page.

create table authn.outbox (
    id bigint generated always as identity primary key,
    namespace text not null,
    kind text not null,
    payload text not null,
    created_at timestamptz not null default now(),
    available_at timestamptz not null default now(),
    attempts integer not null default 0,
    locked_until timestamptz,
    sent_at timestamptz,
    failed_at timestamptz,
    last_error text
);

comment on table authn.outbox is
    'Messages to send. Written with the fact they tell, drained by the worker of any process.';
comment on column authn.outbox.kind is 'The channel: mail or sms. Free text: a new channel needs no migration.';
comment on column authn.outbox.payload is
    'Recipient, subject and text, sealed by the portal (AES-GCM): messages carry codes and links. Blank once sent.';
comment on column authn.outbox.available_at is 'Not to be tried before this time; moved on by each failure.';
comment on column authn.outbox.locked_until is 'A worker has it until then; afterwards another may take it.';
comment on column authn.outbox.last_error is 'Why the last try failed, for the operator; never holds the payload.';

-- The worker's question, asked every second by every process: the table of sent rows must not slow it.
create index outbox_pending on authn.outbox (available_at, id) where sent_at is null and failed_at is null;
create index outbox_finished on authn.outbox (coalesce(sent_at, failed_at)) where sent_at is not null or failed_at is not null;
create index outbox_namespace on authn.outbox (namespace, id);
