-- Who may do what in the database in which Dagster keeps its records; docs/access.md has it as a table.
--
-- Run by whoever made the database, once before Dagster's tables are made (`dagster instance migrate`, as dagster_owner) and
-- once after every migration:  psql --set ON_ERROR_STOP=1 --file deploy/postgres/roles.sql
-- It can be run again at any time: what somebody granted by hand on the database, its schema, a table or a sequence is taken back,
-- from whomever it was granted to, and what cannot be taken back here is told. A table of a newer Dagster is closed to all until it
-- is run: that is told by Dagster at once, while a right too many is told by nobody.
--
-- Nobody has a password. On RDS one signs in with a token of AWS's IAM (rds_iam), elsewhere as pg_hba.conf says.

BEGIN;

DO $$
DECLARE
  of_ours CONSTANT text[] := ARRAY['dagster_owner', 'dagster', 'dataops_reader', 'dataops_pruner'];
  one text;
  found text;
BEGIN
  FOREACH one IN ARRAY of_ours LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = one) THEN
      EXECUTE format('CREATE ROLE %I', one);
    END IF;
    EXECUTE format('ALTER ROLE %I LOGIN PASSWORD NULL', one);
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') THEN
      EXECUTE format('GRANT rds_iam TO %I', one);
    END IF;
  END LOOP;

  -- What no grant on a table shows. Only a superuser, or whoever granted it, could take it back, so it is told.
  SELECT string_agg(rolname, ', ') INTO found FROM pg_roles
    WHERE rolname = ANY (of_ours) AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls);
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'more than a role of ours may have: %', found
      USING HINT = 'ALTER ROLE … NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS, and run this again';
  END IF;
  SELECT string_agg(format('%s of %s', member::regrole, roleid::regrole), ', ') INTO found FROM pg_auth_members
    WHERE member::regrole::text = ANY (of_ours) AND roleid::regrole::text <> 'rds_iam';
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'a role of ours is a member of another: %', found USING HINT = 'REVOKE it, and run this again';
  END IF;
  -- Whoever makes a role is a member of it (PostgreSQL 16), and a superuser may do everything anyway.
  SELECT string_agg(format('%s of %s', member::regrole, roleid::regrole), ', ') INTO found
    FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member
    WHERE roleid::regrole::text = ANY (of_ours) AND NOT rolsuper AND rolname <> current_user
      AND member <> (SELECT datdba FROM pg_database WHERE datname = current_database());
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'somebody else is a member of a role of ours: %', found USING HINT = 'REVOKE it, and run this again';
  END IF;
  SELECT string_agg(format('of %s: %s', defaclrole::regrole, defaclacl), ', ') INTO found FROM pg_default_acl;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'what comes to be is open by default: %', found
      USING HINT = 'ALTER DEFAULT PRIVILEGES … REVOKE …, and run this again';
  END IF;

  -- Whoever runs this acts for the owner: else it could not grant what is the owner's.
  EXECUTE format('GRANT dagster_owner TO %I', current_user);
END $$;

-- Whoever made a table before these roles were there would own it, and its owner may do everything to it.
DO $$
DECLARE
  one regclass;
BEGIN
  FOR one IN SELECT oid FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND relowner <> 'dagster_owner'::regrole
  LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO dagster_owner', one);
  END LOOP;
END $$;

-- Everything is taken from everybody but the owner of each; 0 is PUBLIC. With it goes what he has passed on.
DO $$
DECLARE
  one record;
BEGIN
  FOR one IN
    SELECT DISTINCT place, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS who
      FROM (
        SELECT format('DATABASE %I', datname), datdba, coalesce(datacl, acldefault('d', datdba))
          FROM pg_database WHERE datname = current_database()
        UNION ALL SELECT format('SCHEMA %I', nspname), nspowner, coalesce(nspacl, acldefault('n', nspowner))
          FROM pg_namespace WHERE nspname = 'public'
        UNION ALL SELECT format('%s %s', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::regclass), relowner, relacl
          FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT format('TABLE %s', attrelid::regclass), relowner, attacl
          FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace
      ) AS granted (place, owner, acl), aclexplode(acl)
      WHERE grantee <> owner
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', one.place, one.who);
  END LOOP;

  EXECUTE format('GRANT CONNECT ON DATABASE %I TO dagster_owner, dagster, dataops_reader, dataops_pruner', current_database());
END $$;

GRANT USAGE ON SCHEMA public TO dagster, dataops_reader, dataops_pruner;
GRANT USAGE, CREATE ON SCHEMA public TO dagster_owner;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO dagster, dataops_reader, dataops_pruner;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO dagster;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO dagster;

DO $$
BEGIN
  -- Before there are tables there is nothing to grant on.
  IF to_regclass('public.event_logs') IS NOT NULL THEN
    -- Which version the tables are of is said by migrations alone.
    REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM dagster;
    -- Of old runs everything goes; a slot that one of them has held since is given to the next.
    GRANT DELETE ON event_logs, asset_event_tags, asset_check_executions, runs, run_tags TO dataops_pruner;
    GRANT UPDATE, DELETE ON concurrency_slots, pending_steps TO dataops_pruner;
  END IF;
END $$;

COMMIT;
