-- Deleting a person: everything that hangs on the account goes with it, and what stays forgets who it was.

create or replace function authn._without_personal_values(p_values jsonb) returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
return (
    -- What may stay is listed, not what must go: a value that somebody adds to an event later is erased unless it is
    -- named here.
    select case when p_values is null then null else coalesce(jsonb_object_agg(v.key, v.value), '{}') end
      from jsonb_each(case jsonb_typeof(p_values) when 'object' then p_values else '{}' end) v
     where v.key = any (array[
               'user_id', 'session_id', 'except_session_id', 'expires_at', 'token_type', 'mfa_type', 'amr', 'kind',
               'provider', 'scopes', 'codes_used', 'tries_left', 'sessions_revoked', 'api_keys_revoked', 'tokens_revoked',
               'access_removed', 'metadata_changed'
           ])
);
comment on function authn._without_personal_values(jsonb) is
    'What may be left of the values of an audit row when its person is deleted: ids, times, kinds and counts.';

create or replace function authn._addresses_of(p_user_id uuid, p_namespace text) returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(distinct a.address), '{}')
      from (
          select u.email from authn.users u where u.namespace = p_namespace and u.id = p_user_id
          union
          select i.value from authn.identities i where i.namespace = p_namespace and i.user_id = p_user_id
          union
          select f.email from authn.federated_identities f where f.namespace = p_namespace and f.user_id = p_user_id
          union
          select v.address
            from authn.audit_events e,
                 unnest(array[e.old_values ->> 'email', e.new_values ->> 'email', e.new_values ->> 'phone']) v (address)
           where e.namespace = p_namespace and e.resource_type = 'user' and e.resource_id = p_user_id::text
          union
          select v.address
            from authn.audit_events e, unnest(array[e.old_values ->> 'value', e.new_values ->> 'value']) v (address)
           where e.namespace = p_namespace
             and e.resource_type = 'identity'
             and p_user_id::text in (e.old_values ->> 'user_id', e.new_values ->> 'user_id')
          union
          -- Numbers of a second step: no identities, but codes were sent to them in this person's name.
          select e.resource_id
            from authn.audit_events e
           where e.namespace = p_namespace and e.resource_type = 'phone' and e.actor_id = p_user_id::text
      ) a (address)
     where a.address is not null
       -- An address they gave up may be somebody else's by now.
       and not exists (
               select from authn.users o where o.namespace = p_namespace and o.email = a.address and o.id <> p_user_id
           )
       and not exists (
               select
                 from authn.identities o
                where o.namespace = p_namespace
                  and o.value = a.address
                  and o.verified_at is not null
                  and o.user_id <> p_user_id
           )
$$;
comment on function authn._addresses_of(uuid, text) is
    'Every address and number that the person has or had, but for those that have another owner now.';

create or replace function authn._erase_from_audit(p_user_id uuid, p_addresses text[], p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id text := p_user_id::text;
    v_names text[] := p_addresses || v_user_id;
    v_things text[];
begin
    -- Some events name a session or a key, and not whose it was: others of the same thing do.
    v_things := array(
        select distinct e.resource_id
          from authn.audit_events e
         where e.namespace = p_namespace
           and e.resource_type in ('session', 'token', 'mfa', 'api_key', 'identity', 'federated_identity')
           and v_user_id in (e.old_values ->> 'user_id', e.new_values ->> 'user_id')
    );
    update authn.audit_events e
       set old_values = case when found.about then authn._without_personal_values(e.old_values) else e.old_values end,
           new_values = case when found.about then authn._without_personal_values(e.new_values) else e.new_values end,
           -- Where somebody else acted, the address and the browser are theirs.
           ip_address = case when found.acted then null else e.ip_address end,
           user_agent = case when found.acted then null else e.user_agent end,
           resource_id = case when e.resource_type in ('email', 'phone') and found.about then null else e.resource_id end,
           actor_id = case when lower(e.actor_id) = any (p_addresses) then v_user_id else e.actor_id end,
           on_behalf_of = case when lower(e.on_behalf_of) = any (p_addresses) then v_user_id else e.on_behalf_of end,
           reason = case when found.named_in_reason then null else e.reason end
      from (
          select d.event_time,
                 d.id,
                 d.about,
                 (d.about and d.actor_id is null) or lower(d.actor_id) = any (v_names) as acted,
                 exists (select from unnest(p_addresses) a where strpos(lower(d.reason), a) > 0) as named_in_reason
            from (
                select c.*,
                       c.resource_type in ('user', 'email', 'phone') and c.resource_id = any (v_names)
                       or c.resource_id = any (v_things)
                       or v_user_id in (c.old_values ->> 'user_id', c.new_values ->> 'user_id') as about
                  from authn.audit_events c
                 where c.namespace = p_namespace
            ) d
      ) found
     where e.namespace = p_namespace
       and e.event_time = found.event_time
       and e.id = found.id
       and (found.about or found.acted or found.named_in_reason or lower(e.on_behalf_of) = any (p_addresses));
end
$$;
comment on function authn._erase_from_audit(uuid, text[], text) is
    'Takes a person''s addresses, names, places and browsers out of the audit log. What happened, when, and to which id '
    'stays. Reads the whole log of the namespace, which has no index by person: seconds for millions of rows.';

create or replace function authn._erase_addresses(p_addresses text[], p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from authn.login_attempts a where a.namespace = p_namespace and a.email = any (p_addresses);
    -- Flows before their proofs: the order of _lock_login.
    delete from authn.login_flows f where f.namespace = p_namespace and f.email = any (p_addresses);
    delete from authn.verifications v where v.namespace = p_namespace and v.email = any (p_addresses);
    delete from authn.sms_sent s where s.namespace = p_namespace and s.phone = any (p_addresses);
    delete from authn.invites i where i.namespace = p_namespace and i.email = any (p_addresses);
    -- An app's login_hint.
    delete from authn.authorization_requests r
     where r.namespace = p_namespace
       and exists (select from unnest(p_addresses) a where strpos(lower(r.parameters::text), a) > 0);
    -- Mail servers repeat the recipient when they refuse. The messages themselves are sealed, and blank once sent.
    update authn.outbox o
       set last_error = null
     where o.namespace = p_namespace
       and exists (select from unnest(p_addresses) a where strpos(lower(o.last_error), a) > 0);
end
$$;
comment on function authn._erase_addresses(text[], text) is
    'Deletes what was kept by address and hangs on no account: attempts, flows and proofs, requests of apps.';

create or replace function authn.delete_user(p_user_id uuid, p_namespace text default 'default') returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_addresses text[];
    v_deleted boolean;
begin
    perform authn._require(p_user_id is not null, 'user_id');
    perform 1 from authn.users u where u.namespace = p_namespace and u.id = p_user_id for update;
    v_deleted := found;
    if v_deleted then
        v_addresses := authn._addresses_of(p_user_id, p_namespace);
        delete from authn.users u where u.namespace = p_namespace and u.id = p_user_id;
        perform authn._audit('user_deleted', 'user', p_user_id::text, null, null, p_namespace);
        perform authn._erase_addresses(v_addresses, p_namespace);
        perform authn._erase_from_audit(p_user_id, v_addresses, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_deleted;
end
$$;
comment on function authn.delete_user(uuid, text) is
    'Deletes a user with everything that belongs to them, and takes their personal values out of what stays: the audit log '
    'keeps what happened to which id, without addresses, names, places and browsers. False where there is no such user.';

revoke all on function authn._without_personal_values(jsonb), authn._addresses_of(uuid, text),
    authn._erase_from_audit(uuid, text[], text), authn._erase_addresses(text[], text), authn.delete_user(uuid, text)
    from public;
grant execute on function authn.delete_user(uuid, text) to portal_app;
