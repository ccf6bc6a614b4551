-- Setting up the second step inside a login, where the namespace asks for one and the account has none.

create or replace function authn.may_set_up_in_login(
    p_flow_id uuid, p_browser_digest text, p_namespace text default 'default'
) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_policy jsonb := authn._policy(p_namespace);
    v_answer text;
begin
    select case
               when coalesce(v_policy ->> 'second_factor', 'optional') <> 'required' then 'no'
               -- Whoever has one proves it. Another one beside it is added on the security page.
               when exists (select 1 from authn.mfa_secrets m where m.namespace = p_namespace and m.user_id = u.id) then 'no'
               -- A stolen password must not put the thief's app on the account: the mailbox is what could have reset it.
               when u.email is not null and coalesce(v_policy -> 'methods' ? 'email_code', true) and not exists (
                   select 1 from jsonb_array_elements(f.factors) g where g ->> 'method' <> 'password') then 'mailbox_first'
               else 'yes'
           end
      into v_answer
      from authn.login_flows f
      join authn.users u on u.id = f.user_id and u.namespace = f.namespace
     where f.id = p_flow_id and f.namespace = p_namespace and f.browser_digest = p_browser_digest
       and f.finished_at is null and f.expires_at > now() and jsonb_array_length(f.factors) > 0
       and u.disabled_at is null;
    perform authn._leave(v_outer);
    return coalesce(v_answer, 'no');
end
$$;
comment on function authn.may_set_up_in_login(uuid, text, text) is
    'Whether the person of this browser''s flow may set up a second step before there is a session: yes; mailbox_first, where '
    'only a password was proven yet; no, where the namespace asks for none, the account has one, or the flow cannot go on.';

create or replace function authn.complete_set_up_login(
    p_login jsonb, p_authenticator jsonb, p_actor jsonb, p_namespace text default 'default'
) returns table (
    outcome text, flow_id uuid, session_id uuid, return_to text, enrolled text[], declined text[]
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid := (p_login ->> 'user_id')::uuid;
    v_flow_id uuid := (p_login ->> 'flow_id')::uuid;
begin
    perform authn._apply_actor(p_actor);
    perform authn._check_authenticator(p_authenticator);
    -- Two tabs at once: the second finds the authenticator of the first.
    perform 1 from authn.users u where u.id = v_user_id and u.namespace = p_namespace for no key update;
    perform 1 from authn.login_flows f
      where f.id = v_flow_id and f.namespace = p_namespace and f.user_id = v_user_id for no key update;
    if not found or authn.may_set_up_in_login(v_flow_id, p_login ->> 'browser_digest', p_namespace) <> 'yes'
        or not authn._set_up_is_new(p_authenticator, p_namespace) then
        perform authn._leave(v_outer);
        return query select * from authn._no_login('gone', v_flow_id);
        return;
    end if;
    perform authn._add_authenticator(v_user_id, p_authenticator || '{"second_step": true}', p_namespace);
    return query select c.* from authn.complete_login(p_login, p_actor, p_namespace) c;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.complete_set_up_login(jsonb, jsonb, jsonb, text) is
    'complete_login with an authenticator that is enrolled in the same commit and was proven by its first code. '
    'p_authenticator: mfa_type, secret (sealed), set_up_digest, name, last_step, mail (sealed, to the owner). Outcome gone '
    'where may_set_up_in_login does not say yes, or that secret was set up before.';

revoke all on function authn.may_set_up_in_login(uuid, text, text) from public;
grant execute on function authn.may_set_up_in_login(uuid, text, text) to portal_app;
revoke all on function authn.complete_set_up_login(jsonb, jsonb, jsonb, text) from public;
grant execute on function authn.complete_set_up_login(jsonb, jsonb, jsonb, text) to portal_app;
