-- Authenticators of any method may be a way in, not only passkeys: the last one must not be removed.

alter table authn.mfa_secrets add column way_in boolean not null default false;
comment on column authn.mfa_secrets.way_in is
    'A login can begin with it, as its method said when it was enrolled. Passkeys always can, whatever stands here.';
