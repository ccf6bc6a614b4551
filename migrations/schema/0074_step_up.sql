-- An app may ask for two factors of whoever has them (acr_values, RFC 9470).

alter table authn.login_flows add column second_step_wanted boolean not null default false;
comment on column authn.login_flows.second_step_wanted is
    'The app asks for two factors: whoever has an authenticator that can stand second is asked for it.';
