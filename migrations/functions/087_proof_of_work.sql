-- The bot check: who has to show work, and that one piece of work is good for one form.

create or replace function authn.login_needs_work(
    p_email text, p_browser_digest text, p_actor jsonb, p_namespace text default 'default'
) returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_free constant integer := 3;  -- failures: people mistype a password now and then
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_email);
    v_prefix cidr := authn._address_prefix(nullif(p_actor ->> 'ip_address', '')::inet);
    v_needed boolean;
begin
    v_needed := not exists (
            select 1
              from authn.known_browsers k
              join authn.users u on u.id = k.user_id and u.namespace = k.namespace
             where k.namespace = p_namespace and u.email = v_email and k.browser_digest = p_browser_digest)
        and ((select count(*) from (
                 select 1 from authn.login_attempts a
                  where a.namespace = p_namespace and a.email = v_email and not a.success and not a.known_browser
                    and a.attempted_at > now() - interval '15 minutes' limit c_free) t) = c_free
          or (select count(*) from (
                 select 1 from authn.login_attempts a
                  where a.namespace = p_namespace and a.prefix = v_prefix and not a.success and not a.known_browser
                    and a.attempted_at > now() - interval '15 minutes' limit c_free) t) = c_free);
    perform authn._leave(v_outer);
    return v_needed;
end
$$;
comment on function authn.login_needs_work(text, text, jsonb, text) is
    'Whether a password is looked at only after some work: when this address, or this address prefix, has failed three times '
    'in 15 minutes. Never in a browser that the account knows; the same for addresses that nobody has.';

create or replace function authn.spend_challenge(
    p_digest text, p_waited boolean, p_valid_for interval, p_actor jsonb, p_namespace text default 'default'
) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_between constant interval := interval '15 seconds';  -- waiting costs nothing, so one network waits in line
    v_outer text := authn._enter(p_namespace);
    v_prefix cidr := authn._address_prefix(nullif(p_actor ->> 'ip_address', '')::inet);
    v_outcome text := 'again';
begin
    perform authn._check_context(p_namespace);
    perform authn._check_hash(p_digest, 'digest');
    perform authn._require(p_waited is not null, 'waited');
    if p_waited then
        perform pg_advisory_xact_lock(hashtextextended('waited:' || p_namespace || ':' || coalesce(v_prefix::text, ''), 0));
        if exists (
            select 1 from authn.spent_challenges c
             where c.namespace = p_namespace and c.prefix is not distinct from v_prefix and c.waited
               and c.spent_at > now() - c_between
        ) then
            perform authn._leave(v_outer);
            return 'wait';
        end if;
    end if;
    insert into authn.spent_challenges (namespace, digest, prefix, waited, expires_at)
    values (p_namespace, p_digest, v_prefix, p_waited, now() + p_valid_for)
    on conflict do nothing
    returning 'spent' into v_outcome;
    perform authn._leave(v_outer);
    return coalesce(v_outcome, 'again');
end
$$;
comment on function authn.spend_challenge(text, boolean, interval, jsonb, text) is
    'Uses up a challenge of the bot check. p_waited: it was answered by waiting, not by work. Outcome: spent; again (it was '
    'used before); wait (somebody in this network has just been let through by waiting). Kept for p_valid_for.';

revoke all on function authn.login_needs_work(text, text, jsonb, text),
    authn.spend_challenge(text, boolean, interval, jsonb, text) from public;
grant execute on function authn.login_needs_work(text, text, jsonb, text),
    authn.spend_challenge(text, boolean, interval, jsonb, text) to portal_app;
