-- Connected apps: what a person let know who they are, and taking it back.

create or replace function authn.list_connected_apps(p_user_id uuid, p_namespace text default 'default')
returns table (
    client_id text, name text, publisher text, scopes text[], first_used_at timestamptz, last_used_at timestamptz
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._require(p_user_id is not null, 'user_id');
    return query
    with used as (
        select a.client_id, min(a.created_at) as first_at, max(a.created_at) as last_at
          from authn.authorization_codes a
         where a.namespace = p_namespace and a.user_id = p_user_id
         group by a.client_id
    ),
    refreshed as (
        select f.client_id, max(t.created_at) as last_at
          from authn.refresh_token_families f
          join authn.refresh_tokens t on t.family_id = f.id
         where f.namespace = p_namespace and f.user_id = p_user_id
         group by f.client_id
    )
    select c.client_id, c.name, c.publisher,
           -- An app of the house is not asked for: what its logins opened counts.
           coalesce(g.scopes, array(
               select distinct s.scope
                 from authn.authorization_codes a, unnest(a.scopes) s (scope)
                where a.namespace = p_namespace and a.user_id = p_user_id and a.client_id = c.client_id
                order by s.scope
           )),
           least(g.created_at, u.first_at), greatest(g.created_at, u.last_at, r.last_at)
      from authn.clients c
      left join authn.grants g
        on g.namespace = c.namespace and g.client_id = c.client_id and g.user_id = p_user_id
      left join used u on u.client_id = c.client_id
      left join refreshed r on r.client_id = c.client_id
     where c.namespace = p_namespace and (g.client_id is not null or u.client_id is not null)
     order by greatest(g.created_at, u.last_at, r.last_at) desc, c.client_id;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.list_connected_apps(uuid, text) is
    'Returns the apps that a person allowed something or logged in to, with the scopes they have, last used first.';

create or replace function authn.disconnect_app(
    p_user_id uuid, p_client_id text, p_actor jsonb, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_found boolean;
    v_tokens integer;
begin
    perform authn._apply_actor(p_actor);
    -- Person and app first, as every function that touches tokens does, or two of them wait for each other for ever.
    perform from authn.users u, authn.clients c
      where u.namespace = p_namespace and u.id = p_user_id and c.namespace = p_namespace and c.client_id = p_client_id
        for key share of u, c;
    -- While the codes still say in which logins it took part.
    perform authn._tell_apps(p_user_id, s.id, p_client_id, p_namespace)
       from authn.sessions s
      where s.namespace = p_namespace and s.user_id = p_user_id and s.revoked_at is null and s.expires_at > now();
    update authn.refresh_token_families f
       set ended_at = now(), ended_reason = 'disconnected'
     where f.namespace = p_namespace and f.user_id = p_user_id and f.client_id = p_client_id and f.ended_at is null;
    update authn.access_tokens t
       set revoked_at = now()
     where t.namespace = p_namespace and t.user_id = p_user_id and t.client_id = p_client_id and t.revoked_at is null;
    get diagnostics v_tokens = row_count;
    -- Deleted, used ones too: what they gave is dead, and the app is not connected any more.
    delete from authn.authorization_codes a
     where a.namespace = p_namespace and a.user_id = p_user_id and a.client_id = p_client_id;
    v_found := found;
    delete from authn.grants g
     where g.namespace = p_namespace and g.user_id = p_user_id and g.client_id = p_client_id;
    v_found := v_found or found;
    if v_found then
        perform authn._audit(
            'consent_withdrawn', 'client', p_client_id, null,
            jsonb_build_object('user_id', p_user_id, 'tokens_revoked', v_tokens), p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_found;
end
$$;
comment on function authn.disconnect_app(uuid, text, jsonb, text) is
    'Takes back what a person allowed an app: its codes and tokens are dead at once, the app is told, the next login asks '
    'again. False where it was not connected.';

revoke execute on function authn.list_connected_apps(uuid, text) from public;
revoke execute on function authn.disconnect_app(uuid, text, jsonb, text) from public;
grant execute on function authn.list_connected_apps(uuid, text) to portal_app;
grant execute on function authn.disconnect_app(uuid, text, jsonb, text) to portal_app;
