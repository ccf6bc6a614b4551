-- Refresh tokens: given with an access token for a code, used once for a successor, ended as a family.

create or replace function authn.issue_tokens(
    p_code_id uuid, p_access_hash text, p_access_valid_for interval, p_refresh_hash text, p_refresh_valid_for interval,
    p_refresh_absolute interval, p_actor jsonb, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_code authn.authorization_codes;
    v_family_id uuid;
begin
    perform authn._apply_actor(p_actor);
    -- Locked: a replay that comes between taking and issuing must find the tokens, or leave its mark before they are made.
    -- Person and app first, as deleting them does, or their foreign keys below would wait for whoever waits for the code.
    select c.* into v_code
      from authn.authorization_codes c
      join authn.users u on u.id = c.user_id
      join authn.clients a on a.namespace = c.namespace and a.client_id = c.client_id
     where c.namespace = p_namespace and c.id = p_code_id
       for key share of u, a
       for update of c;
    if v_code.id is not null then
        if p_refresh_hash is not null then
            insert into authn.refresh_token_families (
                namespace, client_id, user_id, session_id, authorization_code_id, scopes, auth_time, amr, expires_at,
                absolute_expires_at, ended_at, ended_reason
            ) values (
                p_namespace, v_code.client_id, v_code.user_id, v_code.session_id, v_code.id, v_code.scopes,
                v_code.auth_time, v_code.amr, now() + least(p_refresh_valid_for, p_refresh_absolute),
                now() + p_refresh_absolute, v_code.replayed_at,
                case when v_code.replayed_at is not null then 'code_replayed' end
            )
            returning id into v_family_id;
            insert into authn.refresh_tokens (namespace, family_id, generation, token_hash)
            values (p_namespace, v_family_id, 0, p_refresh_hash);
        end if;
        insert into authn.access_tokens (
            namespace, token_hash, client_id, user_id, session_id, authorization_code_id, refresh_family_id, scopes,
            expires_at, revoked_at
        ) values (
            p_namespace, p_access_hash, v_code.client_id, v_code.user_id, v_code.session_id, v_code.id, v_family_id,
            v_code.scopes, now() + p_access_valid_for, v_code.replayed_at
        );
        perform authn._audit(
            'tokens_issued', 'client', v_code.client_id, null,
            jsonb_strip_nulls(jsonb_build_object(
                'user_id', v_code.user_id, 'session_id', v_code.session_id, 'scopes', to_jsonb(v_code.scopes),
                'refresh_family_id', v_family_id
            )), p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_code.id is not null;
end
$$;
comment on function authn.issue_tokens(uuid, text, interval, text, interval, interval, jsonb, text) is
    'Stores the digests of the tokens for a code that was taken; false where the code is gone. A refresh token where '
    'p_refresh_hash is given: p_refresh_valid_for from each use, never past p_refresh_absolute from now. For a code that '
    'was replayed meanwhile all of it is born dead.';

create or replace function authn._refreshable_scopes(p_family authn.refresh_token_families) returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select array(
        select s.scope
          from unnest(p_family.scopes) with ordinality s (scope, place)
         where s.scope = any (c.scopes) and (c.first_party or s.scope = any (g.scopes))
         order by s.place
    )
      from authn.clients c
      left join authn.grants g
        on g.namespace = c.namespace and g.client_id = c.client_id and g.user_id = p_family.user_id
     where c.namespace = p_family.namespace and c.client_id = p_family.client_id
$$;
comment on function authn._refreshable_scopes(authn.refresh_token_families) is
    'Returns what of a family''s scopes still holds: what the app may have now, and what the person has not taken back.';

create or replace function authn.rotate_refresh_token(
    p_token_hash text, p_successor_hashes text[], p_client_id text, p_scopes text[], p_access_hash text,
    p_access_valid_for interval, p_refresh_valid_for interval, p_reuse_window interval, p_actor jsonb,
    p_namespace text default 'default'
) returns table (
    outcome text, successor integer, family_id uuid, user_id uuid, session_id uuid, scopes text[], auth_time timestamptz,
    amr text[], requested_claims jsonb, claims jsonb, tell_person boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_outer text := authn._enter(p_namespace);
    v_family authn.refresh_token_families;
    v_token authn.refresh_tokens;
    v_scopes text[];
    v_outcome text;
    v_successor integer := 1;
    v_tell boolean;
begin
    perform authn._apply_actor(p_actor);
    -- The family is locked before anything is decided: of any number of simultaneous refreshes one finds its token
    -- unused, and the others see what it left behind. Person and app first, as deleting them does: the other way round
    -- the access token's foreign keys would wait for whoever waits for the family.
    select f.* into v_family
      from authn.refresh_tokens t
      join authn.refresh_token_families f on f.id = t.family_id
      join authn.users u on u.id = f.user_id
      join authn.clients c on c.namespace = f.namespace and c.client_id = f.client_id
     where t.namespace = p_namespace and t.token_hash = p_token_hash and f.client_id = p_client_id
       for key share of u, c
       for update of f;
    select t.* into v_token
      from authn.refresh_tokens t
     where t.namespace = p_namespace and t.token_hash = p_token_hash;
    v_scopes := authn._refreshable_scopes(v_family);
    v_outcome := case
        when v_token.family_id is null then 'unknown'
        when v_family.id is null then 'other_client'
        when v_family.ended_at is not null then 'ended'
        when v_family.expires_at <= now() then 'expired'
        when not authn._login_stands(v_family.session_id, v_family.user_id, v_scopes) then 'login_ended'
        when v_token.used_at is not null and not exists (
            -- A retry, or one of several refreshes at once: the direct parent, its successor not used yet, in time.
            select from authn.refresh_tokens t
             where t.family_id = v_family.id and t.generation = v_token.generation + 1 and t.used_at is null
               and v_token.used_at > now() - p_reuse_window
        ) then 'reused'
        when coalesce(cardinality(v_scopes), 0) = 0 then 'consent_withdrawn'
        when not coalesce(p_scopes, v_scopes) <@ v_scopes then 'scope_too_wide'
        when v_token.used_at is null then 'rotated'
        else 'repeated'
    end;
    if v_outcome = 'rotated' then
        update authn.refresh_tokens t
           set used_at = now()
         where t.family_id = v_family.id and t.generation = v_token.generation and t.used_at is null;
        insert into authn.refresh_tokens (namespace, family_id, generation, token_hash)
        values (p_namespace, v_family.id, v_token.generation + 1, p_successor_hashes[1]);
        update authn.refresh_token_families f
           set expires_at = least(now() + p_refresh_valid_for, f.absolute_expires_at)
         where f.id = v_family.id;
    elsif v_outcome = 'repeated' then
        -- Which of the secret keys made the successor: the newest may have come after it.
        select array_position(p_successor_hashes, t.token_hash) into v_successor
          from authn.refresh_tokens t
         where t.family_id = v_family.id and t.generation = v_token.generation + 1;
        if v_successor is null then
            v_outcome := 'successor_unknown';
        end if;
    elsif v_outcome = 'reused' then
        update authn.refresh_token_families f
           set ended_at = now(), ended_reason = 'reused'
         where f.id = v_family.id
        returning f.* into v_family;
    end if;
    if v_outcome in ('rotated', 'repeated') then
        insert into authn.access_tokens (
            namespace, token_hash, client_id, user_id, session_id, authorization_code_id, refresh_family_id, scopes,
            expires_at
        ) values (
            p_namespace, p_access_hash, v_family.client_id, v_family.user_id, v_family.session_id,
            v_family.authorization_code_id, v_family.id, coalesce(p_scopes, v_scopes), now() + p_access_valid_for
        );
    end if;
    v_tell := v_family.ended_reason = 'reused' and v_family.told_at is null;
    if v_outcome = 'unknown' then
        perform authn._audit_counted(
            concat_ws(' ', 'refresh_refused', p_client_id), 'refresh_refused', 'client', p_client_id,
            '{"reason": "unknown"}', p_namespace);
    else
        perform authn._audit(
            case
                when v_outcome in ('rotated', 'repeated') then 'tokens_refreshed'
                when v_outcome = 'reused' then 'refresh_token_reused'
                else 'refresh_refused'
            end,
            'client', p_client_id, null,
            jsonb_strip_nulls(jsonb_build_object(
                'reason', v_outcome, 'user_id', v_family.user_id, 'session_id', v_family.session_id,
                'refresh_family_id', v_family.id, 'generation', v_token.generation
            )), p_namespace
        );
    end if;
    return query
    select v_outcome, v_successor, v_family.id, v_family.user_id, v_family.session_id, coalesce(p_scopes, v_scopes),
           v_family.auth_time, v_family.amr,
           (select k.requested_claims from authn.authorization_codes k where k.id = v_family.authorization_code_id),
           case when v_tell or v_outcome in ('rotated', 'repeated') then authn._user_claims(v_family.user_id) end,
           coalesce(v_tell, false);
    perform authn._leave(v_outer);
end
$$;
comment on function authn.rotate_refresh_token(
    text, text[], text, text[], text, interval, interval, interval, jsonb, text
) is
    'Uses a refresh token up for its successor and a new access token, in one commit. outcome is rotated; repeated, when '
    'the direct parent comes again within p_reuse_window and gets the same successor; or why not: unknown, other_client, '
    'ended, expired, login_ended, consent_withdrawn, scope_too_wide, successor_unknown, and reused, which ends the family. '
    'p_successor_hashes are the successor''s digests under each secret key, newest first; successor says which it is. '
    'p_scopes narrows the access token; NULL is all. tell_person: the mail about a reuse is due.';

create or replace function authn.tell_refresh_reuse(
    p_family_id uuid, p_payload text, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_due boolean;
begin
    update authn.refresh_token_families f
       set told_at = now()
     where f.namespace = p_namespace and f.id = p_family_id and f.ended_reason = 'reused' and f.told_at is null;
    v_due := found;
    if v_due then
        perform authn._enqueue('mail', p_payload, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_due;
end
$$;
comment on function authn.tell_refresh_reuse(uuid, text, text) is
    'Puts the mail about a reused refresh token into the outbox, once for a family; false where that was done before.';

create or replace function authn._cleanup_refresh_tokens(p_namespace text, p_batch_size integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Unused it would have expired by then: whoever brings it later gets as little as with an unknown one.
    c_keep_used constant interval := interval '30 days';
    -- So that what an app or an admin asks about a login that ended is still there to be seen.
    c_keep_families constant interval := interval '7 days';
    v_deleted bigint;
    v_total bigint;
begin
    delete from authn.refresh_tokens t
     where t.ctid = any (array(
               select d.ctid from authn.refresh_tokens d
                where d.namespace = p_namespace and d.used_at < now() - c_keep_used
                order by d.used_at limit p_batch_size for update skip locked));
    get diagnostics v_total = row_count;
    -- First the tokens, in batches: a family may have thousands, and dropping it would take them all at once.
    delete from authn.refresh_tokens t
     where t.ctid = any (array(
               select d.ctid
                 from authn.refresh_token_families f
                 join authn.refresh_tokens d on d.family_id = f.id
                where f.namespace = p_namespace and least(f.expires_at, f.ended_at) < now() - c_keep_families
                limit p_batch_size for update of d skip locked));
    get diagnostics v_deleted = row_count;
    v_total := v_total + v_deleted;
    delete from authn.refresh_token_families f
     where f.id = any (array(
               select d.id from authn.refresh_token_families d
                where d.namespace = p_namespace and least(d.expires_at, d.ended_at) < now() - c_keep_families
                  and not exists (select from authn.refresh_tokens t where t.family_id = d.id)
                order by least(d.expires_at, d.ended_at) limit p_batch_size for update skip locked));
    get diagnostics v_deleted = row_count;
    return v_total + v_deleted;
end
$$;
comment on function authn._cleanup_refresh_tokens(text, integer) is
    'Deletes refresh tokens that were used a month ago and families that ended a week ago; returns how many rows went.';

revoke execute on function authn.issue_tokens(uuid, text, interval, text, interval, interval, jsonb, text) from public;
revoke execute on function authn._refreshable_scopes(authn.refresh_token_families) from public;
revoke execute on function authn.rotate_refresh_token(
    text, text[], text, text[], text, interval, interval, interval, jsonb, text
) from public;
revoke execute on function authn.tell_refresh_reuse(uuid, text, text) from public;
revoke execute on function authn._cleanup_refresh_tokens(text, integer) from public;

grant execute on function authn.issue_tokens(uuid, text, interval, text, interval, interval, jsonb, text) to portal_app;
grant execute on function authn.rotate_refresh_token(
    text, text[], text, text[], text, interval, interval, interval, jsonb, text
) to portal_app;
grant execute on function authn.tell_refresh_reuse(uuid, text, text) to portal_app;
