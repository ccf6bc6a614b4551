-- Recovery codes: the codes of one set share a row, which knows the ones that are gone.

alter table authn.mfa_secrets add column used_codes integer[] not null default '{}';
comment on column authn.mfa_secrets.used_codes is
    'Recovery codes only: the numbers of the codes that were used. Here and not in the secret, so that two uses at once '
    'cannot both read the list before either writes it.';
