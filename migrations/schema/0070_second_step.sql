-- The second step of a login: which authenticators ask for one.

alter table authn.mfa_secrets add column second_step boolean not null default false;
comment on column authn.mfa_secrets.second_step is
    'A login that began otherwise must be completed with a second step. An authenticator app asks for it from the start; a '
    'passkey only when its owner turns that on, or a password would end in browsers that the passkey is not in.';
update authn.mfa_secrets m set second_step = true where m.mfa_type = 'totp';

-- They gain columns in what they return.
drop function if exists authn.complete_login(jsonb, jsonb, text);
drop function if exists authn.complete_mail_login(jsonb, jsonb, jsonb, text);
drop function if exists authn.finish_recovery(jsonb, text, text, jsonb, text);

create table authn.declined_offers (
    namespace text not null,
    user_id   uuid not null,
    offer     text not null,
    until     timestamptz,
    primary key (namespace, user_id, offer),
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade
);
comment on table authn.declined_offers is 'What a person does not want to be asked again: for a time, or for ever (NULL).';
alter table authn.declined_offers enable row level security;
alter table authn.declined_offers force row level security;
grant select on authn.declined_offers to portal_app;
