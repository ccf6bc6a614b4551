-- The first step of a login with an authenticator that is compared above the database: the budget is that of passwords, so
-- that a second method gives nobody more guesses.

create or replace function authn.begin_authenticator_login(
    p_email text, p_browser_digest text, p_mfa_type text, p_actor jsonb, p_namespace text default 'default'
) returns table (
    attempt_id bigint, user_id uuid, authenticators jsonb, has_second_factor boolean, retry_after integer, locked boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._check_text(p_mfa_type, 'mfa_type', 100);
    select b.attempt_id, case when not b.disabled then b.user_id end, b.has_second_factor, b.retry_after, b.locked
      into attempt_id, user_id, has_second_factor, retry_after, locked
      from authn.begin_password_login(p_email, p_browser_digest, p_actor, p_namespace) b;
    -- Without an attempt there is nothing to compare with: a refused try must not become a guess.
    authenticators := coalesce((
        select jsonb_agg(jsonb_build_object('id', m.id, 'secret', m.secret) order by m.created_at)
          from authn.mfa_secrets m
         where m.namespace = p_namespace and m.user_id = begin_authenticator_login.user_id
           and m.mfa_type = p_mfa_type and m.way_in and begin_authenticator_login.attempt_id is not null), '[]');
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.begin_authenticator_login(text, text, text, jsonb, text) is
    'Takes one attempt from the budget of begin_password_login and returns what a first factor is compared with: id and '
    'secret of the person''s authenticators of a type that are a way in. user_id is NULL for an unknown address and for a '
    'disabled person; retry_after and locked are those of begin_password_login. A wrong one is told to fail_password_login.';
revoke all on function authn.begin_authenticator_login(text, text, text, jsonb, text) from public;
grant execute on function authn.begin_authenticator_login(text, text, text, jsonb, text) to portal_app;
