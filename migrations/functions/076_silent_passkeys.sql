-- Conditional create (Web Authentication Level 3, 5.1.3): the browser makes a passkey right after a login by password without
-- asking. When that may happen is decided here, under the lock of the account; a mailed link takes it back.

create or replace function authn.may_save_passkey(
    p_user_id uuid, p_session_id uuid, p_browser_digest text, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_after_login constant interval := interval '5 minutes';  -- the page right after the login, not the rest of the day
    v_outer text := authn._enter(p_namespace);
    v_may boolean;
begin
    v_may := exists (
        select 1
          from authn.sessions s
          join authn.users u on u.namespace = s.namespace and u.id = s.user_id and u.disabled_at is null
          join authn.known_browsers k on k.namespace = s.namespace and k.user_id = s.user_id
         where s.id = p_session_id and s.namespace = p_namespace and s.user_id = p_user_id and s.revoked_at is null
           and s.expires_at > now() and s.auth_time > now() - c_after_login
           -- By password: a recovery begins with the mailbox, and leaves no such session.
           and 'pwd' = any (s.amr)
           -- Known before this login: a stolen password in a strange browser must not leave a key behind unseen.
           and k.browser_digest = p_browser_digest and s.browser_digest = p_browser_digest
           and k.first_seen_at < s.auth_time)
        and not exists (
            select 1 from authn.mfa_secrets m
             where m.namespace = p_namespace and m.user_id = p_user_id and m.credential_id is not null)
        and not exists (
            select 1 from authn.declined_offers d
             where d.namespace = p_namespace and d.user_id = p_user_id and d.offer = 'passkey'
               and (d.until is null or d.until > now()))
        and not exists (
            select 1 from authn.second_step_recoveries r
             where r.namespace = p_namespace and r.user_id = p_user_id and r.stopped_at is null
               and r.finished_at is null and r.expires_at > now());
    perform authn._leave(v_outer);
    return v_may;
end
$$;
comment on function authn.may_save_passkey(uuid, uuid, text, text) is
    'Whether the browser may make a passkey silently: this session''s login by password is at most five minutes old, the '
    'browser was known before it, the account has no passkey, its owner has not declined one, and nobody is taking its '
    'second step off.';

create or replace function authn.save_passkey(
    p_user_id uuid, p_session_id uuid, p_browser_digest text, p_passkey jsonb, p_actor jsonb,
    p_namespace text default 'default'
) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_outcome text := 'not_now';
    v_mfa_id uuid;
begin
    perform authn._apply_actor(p_actor);
    perform authn._check_hash(p_passkey ->> 'undo_digest', 'undo_digest');
    -- Of two at once the second sees the first.
    perform authn._lock_enabled_user(p_user_id, p_namespace);
    if authn.may_save_passkey(p_user_id, p_session_id, p_browser_digest, p_namespace) then
        select e.outcome, e.mfa_id
          into v_outcome, v_mfa_id
          from authn.enrol_passkey(
                   p_user_id, p_session_id, p_passkey || jsonb_build_object('upgraded', true), p_actor, p_namespace) e;
        update authn.mfa_secrets m
           set undo_digest = p_passkey ->> 'undo_digest',
               undo_until = now() + make_interval(secs => (p_passkey ->> 'undo_expires_in')::double precision)
         where m.id = v_mfa_id and m.namespace = p_namespace;
    end if;
    perform authn._leave(v_outer);
    return v_outcome;
end
$$;
comment on function authn.save_passkey(uuid, uuid, text, jsonb, jsonb, text) is
    'enrol_passkey for one that the browser made silently; it confirms nothing until a login by it verified its user. '
    'p_passkey: what that takes, undo_digest and undo_expires_in (seconds) of the link in its mail. Outcome: as there, or '
    'not_now (see may_save_passkey).';

create or replace function authn.find_saved_passkey(p_undo_digest text, p_namespace text default 'default')
returns table (email text, name text, created_at timestamptz)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
    select u.email, m.name, m.created_at
      from authn.mfa_secrets m
      join authn.users u on u.namespace = m.namespace and u.id = m.user_id
     where m.namespace = p_namespace and m.undo_digest = p_undo_digest and m.undo_until > now()
       and u.disabled_at is null;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.find_saved_passkey(text, text) is
    'Which silently made passkey a mailed link takes back, changing nothing. No row for a link that works no more.';

create or replace function authn.undo_saved_passkey(p_undo_digest text, p_actor jsonb, p_namespace text default 'default')
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_user_id uuid;
    v_undone authn.mfa_secrets;
begin
    perform authn._apply_actor(p_actor);
    select m.user_id into v_user_id
      from authn.mfa_secrets m
      join authn.users u on u.namespace = m.namespace and u.id = m.user_id
     where m.namespace = p_namespace and m.undo_digest = p_undo_digest and m.undo_until > now()
       and u.disabled_at is null;
    if v_user_id is not null then
        -- The account before its authenticators, see _lock_login; of two presses the second finds nothing.
        perform authn._lock_enabled_user(v_user_id, p_namespace);
        select m.* into v_undone
          from authn.mfa_secrets m
         where m.namespace = p_namespace and m.user_id = v_user_id and m.undo_digest = p_undo_digest;
        if found then
            perform authn.remove_mfa(v_undone.id, p_namespace);
            if v_undone.second_step then
                perform authn._drop_needless_recovery_codes(v_user_id, p_namespace);
            end if;
            -- Which sessions began with it nobody noted; whoever made it was logged in, so every one of them ends.
            perform authn._end_former_access(v_user_id, null, p_namespace);
            -- No second one next week.
            perform authn.decline_offer(v_user_id, 'passkey', null, p_namespace);
            perform authn._audit(
                'passkey_undone', 'mfa', v_undone.id::text, null, jsonb_build_object('user_id', v_user_id), p_namespace);
        end if;
    end if;
    perform authn._leave(v_outer);
    return v_undone.id is not null;
end
$$;
comment on function authn.undo_saved_passkey(text, jsonb, text) is
    'Takes a silently made passkey back: removes it, ends every session, open code, link and half-made login of the account, '
    'and makes no further one. It may be the last way in: whoever presses reads the mailbox, and can set a password by it. '
    'False for a link that works no more.';

revoke all on function authn.may_save_passkey(uuid, uuid, text, text),
    authn.save_passkey(uuid, uuid, text, jsonb, jsonb, text), authn.find_saved_passkey(text, text),
    authn.undo_saved_passkey(text, jsonb, text) from public;
grant execute on function authn.may_save_passkey(uuid, uuid, text, text),
    authn.save_passkey(uuid, uuid, text, jsonb, jsonb, text), authn.find_saved_passkey(text, text),
    authn.undo_saved_passkey(text, jsonb, text) to portal_app;
