-- A page that sets an authenticator app up can be sent again; what it offered is set up once.

comment on table authn.spent_challenges is
    'What counts once and was used: answered challenges of the bot check, and secrets that a page offered to set an '
    'authenticator app up with. Kept until it has expired by itself.';
