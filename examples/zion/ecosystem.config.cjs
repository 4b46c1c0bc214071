// The processes that the team has always had. Nothing in here knows of any backup.
module.exports = {
  apps: [
    { name: "zion-auto-sync", script: "tools/auto-sync.js" },
    {
      name: "zion-build-monitor",
      script: "tools/build-monitor.js",
      max_restarts: 3,
      min_uptime: 1000,
      restart_delay: 200,
    },
  ],
};
