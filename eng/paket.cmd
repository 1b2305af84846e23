@echo off
rem Windows counterpart of paket.sh: see there for the reasons.
setlocal
set "SPN_LOCK=%~dp0..\paket.lock"

if not defined SPN_NUGET_SOURCE (
    for /f "tokens=2" %%s in ('dotnet nuget list source --format short ^| findstr /r /c:"^E http"') do (
        if not defined SPN_NUGET_SOURCE set "SPN_NUGET_SOURCE=%%s"
    )
)
if not defined SPN_NUGET_SOURCE (
    echo eng\paket.cmd: no enabled NuGet source found. See 'dotnet nuget list source', or set SPN_NUGET_SOURCE. 1>&2
    exit /b 1
)

call dotnet tool restore >nul || exit /b 1
call dotnet paket %*
set "PAKET_RESULT=%ERRORLEVEL%"
powershell -NoProfile -Command "$f = $env:SPN_LOCK; if (Test-Path $f) { $t = [IO.File]::ReadAllText($f); $u = $t.Replace($env:SPN_NUGET_SOURCE, '%%SPN_NUGET_SOURCE%%'); if ($u -ne $t) { [IO.File]::WriteAllText($f, $u) } }"
exit /b %PAKET_RESULT%
