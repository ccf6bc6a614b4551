-- Identities: every e-mail address and phone number that a person has or claims.

create table authn.identities (
    id uuid not null default gen_random_uuid() primary key,
    namespace text not null default 'default',
    user_id uuid not null,
    kind text not null,
    value text not null,
    verified_at timestamptz,
    created_at timestamptz not null default now(),
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade,
    constraint identities_user_key unique (namespace, user_id, kind, value)
);
-- Claims may be many, proof has one owner: whoever merely claims an address must not keep its owner from it.
create unique index identities_verified_key on authn.identities (namespace, kind, value) where verified_at is not null;

comment on table authn.identities is
    'E-mail addresses and phone numbers, several for each person. A value has one owner who proved it, and any number of '
    'people who claim it. The primary address in authn.users is mirrored here.';
comment on column authn.identities.kind is 'email or phone.';
comment on column authn.identities.value is 'An address as in authn.users.email, or a phone number in E.164 (+41791234567).';
comment on column authn.identities.verified_at is 'When the person proved it; NULL while it is a mere claim.';

alter table authn.identities enable row level security;
alter table authn.identities force row level security;
grant select on authn.identities to portal_app;
