-- Authenticators: everything a person enrolled, whatever the method.

create table authn.mfa_secrets (
    id uuid not null default gen_random_uuid() primary key,
    namespace text not null default 'default',
    user_id uuid not null,
    mfa_type text not null,
    secret text not null,
    name text,
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    credential_id bytea,
    sign_count bigint,
    aaguid uuid,
    transports text[],
    backup_eligible boolean,
    backed_up boolean,
    foreign key (namespace, user_id) references authn.users (namespace, id) on delete cascade
);
create index mfa_secrets_user on authn.mfa_secrets (namespace, user_id);
create unique index mfa_secrets_credential_id_key on authn.mfa_secrets (namespace, credential_id)
    where credential_id is not null;

comment on table authn.mfa_secrets is 'Enrolled authenticators of every method, so that all pages tell the same story.';
comment on column authn.mfa_secrets.mfa_type is 'Free text: a new method needs no migration. Only add_mfa checks names.';
comment on column authn.mfa_secrets.secret is 'As the caller gave it; what must be secret was sealed above the database.';
comment on column authn.mfa_secrets.credential_id is
    'Passkeys only, like the columns after it: one owner per namespace (WebAuthn Level 3, 7.1 step 26).';
comment on column authn.mfa_secrets.backup_eligible is 'May be synced; fixed at enrolment, a change is refused.';
comment on column authn.mfa_secrets.backed_up is 'Is synced, as of its last use.';

alter table authn.mfa_secrets enable row level security;
alter table authn.mfa_secrets force row level security;
grant select on authn.mfa_secrets to portal_app;
