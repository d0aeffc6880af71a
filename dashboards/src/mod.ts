export { buildDashboards, dashboardsDist, dashboardsStale, ensureDashboards } from './build.ts';
